"""Has the world changed since the champion was trained?"""
