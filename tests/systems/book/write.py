"""Write new patients for three seconds, and note each as soon as the book has acknowledged it."""

import json
import os
from itertools import count
from pathlib import Path
from time import monotonic

from book import ask

if __name__ == "__main__":
    result = Path(os.environ["CLINOPS_RESULT"])
    acknowledged: dict[str, dict[str, str]] = {}
    begun = monotonic()
    for number in count(9991000000):
        if monotonic() - begun > 3:
            break
        # Long enough that a disk's last page does not hold all of them.
        name = f"Person {number}".ljust(150, ".")
        # Sooner than a fault ends: the name of a service that was cut off is looked up for long.
        ask(f"PUT {number} {name}", within=2)
        acknowledged[str(number)] = {"name": name}
        # In one step, so that whoever reads it meanwhile finds it whole.
        result.with_suffix(".new").write_text(json.dumps({"patients": acknowledged}))
        result.with_suffix(".new").replace(result)
