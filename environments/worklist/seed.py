"""Fill an empty worklist with synthetic patients, as a radiology information system would.

`CLINOPS_REPLICA` names a file that says where the worklist runs. Everything here is made up: the
NHS numbers lie in the 999 range, which is never issued. Running it twice changes nothing.

What is chosen here is what worklists get wrong: people who are easily taken for one another, names
beyond ASCII in several character sets, left and right, weights and allergies that a dose depends
on, and examinations in the hours that the clock change gives twice or not at all.
"""

from items import JAPANESE, LATIN_1, Item, Patient, schedule

PATIENTS = [
    Patient("9990000018", "Adeyemi^Folasade", "19480305", "F", allergies="Iodinated contrast"),
    Patient("9990000026", "Núñez^José María", "19611130", "M"),
    # Nearly the same name, as a system writes it that knows no UTF-8.
    Patient("9990000107", "Núñez^José Mario", "19611130", "M", LATIN_1),
    Patient("9990000034", "Müller^Jörg", "19700228", "M", LATIN_1, allergies="Jod, Röntgenmittel"),
    Patient("9990000042", "Ó Súilleabháin^Gráinne", "19821224", "F", weight="61.5"),
    Patient("9990000115", "O'Brien^Siobhán", "19560229", "F", alerts="Pacemaker: no MR"),
    Patient("9990000050", "Yamada^Tarou=山田^太郎=やまだ^たろう", "19550714", "M", JAPANESE),
    Patient("9990000069", "Wang^Xiaodong=王^小东", "19930801", "M"),
    # Twins, born on either side of midnight; and a contrast dose goes by the weight.
    Patient("9990000077", "Okafor^Chidi", "20251025", "M", birth_time="235900", weight="0.5"),
    Patient("9990000085", "Okafor^Chika", "20251026", "F", birth_time="000000", weight="0.50"),
    # Namesakes whose numbers and dates differ by a slip of the finger.
    Patient("9990001022", "Smith^John", "19400101", "M", weight="101"),
    Patient("9990001200", "Smith^John", "19400110", "M", weight="110"),
    # Numbers of an old system: they differ by a letter's case, and by a zero in front.
    Patient("LEG-0012a", "Jones^Mary", "19350401", "F"),
    Patient("LEG-0012A", "Jones^Marie", "19350401", "F"),
    Patient("09990000018", "Adeyemi^Folarin", "19480305", "M"),
    # 64 characters, the most that DICOM allows in one form of a name (PS3.5, 6.2).
    Patient(
        "9990000220",
        "Featherstonehaugh-Cholmondeley-Marjoribanks^Wilhelmina Alexandra",
        "19370515",
        "F",
    ),
    Patient("9990000239", "Şahin^Çağla", "20001031", "F"),
    Patient("9990000123", "Иванова^Жанна", "18991231", "F"),
    # Nobody knows yet who this is.
    Patient("9990000131", "Unknown^Trauma Seven", "", "O"),
]
ITEMS = [
    Item("SYN3001", "9990000018", "20261201 090000", "CT chest with contrast", "CTCH", "CT", "CT1"),
    Item("SYN3002", "9990000026", "20261201 091500", "CT head", "CTHD", "CT", "CT1"),
    Item("SYN3003", "9990000107", "20261201 093000", "CT head", "CTHD", "CT", "CT1"),
    Item("SYN3004", "9990000034", "20261201 100000", "MR lumbar spine", "MRLS", "MR", "MR1"),
    Item("SYN3005", "9990000042", "20261201 101500", "US abdomen", "USAB", "US", "US1"),
    # Both knees of one person, on the same table, a quarter of an hour apart.
    Item("SYN3006", "9990000115", "20261201 110000", "XR knee left", "XRKNL", "DX", "DX1"),
    Item("SYN3007", "9990000115", "20261201 111500", "XR knee right", "XRKNR", "DX", "DX1"),
    Item("SYN3008", "9990000050", "20261201 120000", "MR head", "MRHD", "MR", "MR1"),
    Item("SYN3009", "9990000069", "20261201 121500", "CT thorax", "CTTX", "CT", "CT2"),
    Item("SYN3010", "9990000077", "20261201 130000", "US hip left", "USHPL", "US", "US1"),
    Item("SYN3011", "9990000085", "20261201 130000", "US hip right", "USHPR", "US", "US1"),
    Item("SYN3012", "9990001022", "20261201 140000", "CT colon", "CTCO", "CT", "CT1"),
    Item("SYN3013", "9990001200", "20261201 140000", "CT colon", "CTCO", "CT", "CT2"),
    Item("SYN3014", "LEG-0012a", "20261201 143000", "XR hand left", "XRHDL", "DX", "DX1"),
    Item("SYN3015", "LEG-0012A", "20261201 144500", "XR hand right", "XRHDR", "DX", "DX1"),
    Item("SYN3016", "09990000018", "20261201 150000", "MR knee left", "MRKNL", "MR", "MR1"),
    Item("SYN3017", "9990000220", "20261201 153000", "MG both breasts", "MGBI", "MG", "MG1"),
    Item("SYN3018", "9990000239", "20261201 160000", "US thyroid", "USTH", "US", "US1"),
    Item("SYN3019", "9990000123", "20261201 161500", "XR chest", "XRCH", "DX", "DX1"),
    Item("SYN3020", "9990000131", "20261201 000000", "CT polytrauma", "CTPT", "CT", "CT2"),
    # 01:30 comes twice on the night of the autumn change, and not at all on that of spring.
    Item("SYN3021", "9990000077", "20261025 013000", "XR chest", "XRCH", "DX", "DX1", "+0100"),
    Item("SYN3022", "9990000085", "20261025 013000", "XR chest", "XRCH", "DX", "DX1", "+0000"),
    Item("SYN3023", "9990000018", "20270328 013000", "CT head", "CTHD", "CT", "CT1"),
    Item("SYN3024", "9990000042", "20261231 235959", "CT head", "CTHD", "CT", "CT1"),
]

if __name__ == "__main__":
    schedule(PATIENTS, ITEMS)
