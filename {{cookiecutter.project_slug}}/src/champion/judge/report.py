def write(file, folder):
    pass
