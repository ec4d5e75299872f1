"""Counts test cases in the JUnit files of a directory: N passed, N failed[, N skipped]."""
import pathlib
import sys
import xml.etree.ElementTree as xml


def main(folders):
    passed = failed = skipped = 0
    for folder in folders:
        failed += len(list(pathlib.Path(folder).glob("*.crashed")))
        for file in pathlib.Path(folder).glob("*.xml"):
            for case in xml.parse(file).iter("testcase"):
                if case.find("failure") is not None or case.find("error") is not None:
                    failed += 1
                    print("failed:", case.get("classname"), case.get("name"))
                elif case.find("skipped") is not None or case.get("result") == "skipped":
                    skipped += 1
                else:
                    passed += 1
    print(f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
