"""Read every line of the book."""

import json
import os
from pathlib import Path

from book import ask

if __name__ == "__main__":
    *lines, end = ask("LIST").splitlines()
    assert end == "END", end
    found = {name: {"name": called} for name, _, called in (each.partition(" ") for each in lines)}
    Path(os.environ["CLINOPS_RESULT"]).write_text(json.dumps({"patients": found}))
