"""What a table is: reading, describing, checking and naming its rows."""
