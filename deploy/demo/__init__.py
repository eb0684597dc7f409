"""The main job in a minute, told with nothing but the command line and HTTP."""
