"""Write the first two patients."""

from book import ask

if __name__ == "__main__":
    ask("PUT 9990000018 Müller, Jörg")
    ask("PUT 9990000026 O'Neill, Síle")
