"""Fill an empty database at the first start, then become the server.

Initialising takes half a minute, so it is done once; an initialisation that was cut short is done
again. What an upgrade needs is no part of this: it is run by whoever upgrades.
"""

import os
import subprocess
import tempfile

import psycopg2

DATABASE = os.environ["DATABASE_NAME"]
OPTIONS = ["--config=/usr/local/etc/gnuhealth/trytond.conf", f"--database={DATABASE}"]
MODULES = ["health", "health_lab", "health_imaging"]
EMAIL = "administrator@example.org"


def is_initialised() -> bool:
    """Whether the administrator has an address, which is the last thing that they are given."""
    uri = os.environ["TRYTOND_DATABASE__URI"]
    with psycopg2.connect(uri + DATABASE) as database, database.cursor() as cursor:
        cursor.execute("select to_regclass('res_user')")
        if cursor.fetchone() == (None,):
            return False
        cursor.execute("select 1 from res_user where email = %s", (EMAIL,))
        return cursor.fetchone() is not None


def initialise() -> None:
    """Make the tables and the administrator: Tryton's own first, the modules' build on them."""
    with tempfile.NamedTemporaryFile("w") as password:
        password.write(os.environ["ADMINISTRATOR_PASSWORD"])
        password.flush()
        for options in (
            ["--all", "--email="],
            ["--activate-dependencies", "--password", f"--email={EMAIL}", "--update", *MODULES],
        ):
            subprocess.run(
                ["trytond-admin", *OPTIONS, *options],
                env={**os.environ, "TRYTONPASSFILE": password.name},
                check=True,
            )


if __name__ == "__main__":
    if not is_initialised():
        initialise()
    os.execvp("trytond", ["trytond", *OPTIONS, "--verbose"])  # noqa: S606
