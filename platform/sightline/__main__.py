"""`python -m sightline`: the same as the `sightline` command, also where no script is installed."""

from sightline.cli.main import main

if __name__ == "__main__":
    main()
