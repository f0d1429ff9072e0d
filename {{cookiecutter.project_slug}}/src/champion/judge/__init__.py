"""How a challenger is compared with the champion."""
