"""`python -m facevalue`: the command line, where its script is not on the path."""

from facevalue.cli import main

if __name__ == "__main__":
    main()
