"""Asks DuckDB what our batch queries have answered: `ask_duckdb.py FOLDER`, with the files that the test `duckdb` writes.

Queries that DuckDB does not know, or means otherwise by its own rules, are counted and left out.
"""

import collections
import datetime
import decimal
import json
import pathlib
import re
import sys

import duckdb

# What means something else there: an AVG of integers is a DOUBLE, CAST of a number to an integer rounds, texts of values differ, quotients of
# DECIMALs are DOUBLEs, overflow is an error, and so on.
OTHERWISE = ["AVG(", " AS INT)", " AS STRING)", "ARROW_CAST", "TRY_CAST((", "now()", "CURRENT_TIMESTAMP", "LOCALTIMESTAMP", "NaN", "MEDIAN("]
OTHERWISE += [" AS TIMESTAMP(0))", " AS TIMESTAMP(3))"]
# The order of equal rows is open, and an OVER by event time has rows without a time at its end.
OTHERWISE += ["ROW_NUMBER()", "LAG(", "LEAD(", "FIRST_VALUE(", "LAST_VALUE(", " ROWS ", " LIMIT "]
BY_TIME = re.compile(r"ORDER BY r\d+\.ts\b")


def translated(sql):
    """Our SQL as DuckDB writes it."""
    return re.sub(r"TIMESTAMP\(\d\)", "TIMESTAMP", sql)


def loaded(connection, table):
    """Makes a table, with its rows in order."""
    columns = table["ddl"].split("(", 1)[1].split(", WATERMARK")[0]
    connection.execute(f"CREATE TABLE {table['name']} ({translated(columns)})")
    names = [column.split()[0] for column in re.split(r", (?=[a-z]+ [A-Z])", columns.strip())]
    for _, text in table["rows"]:
        row = json.loads(text, parse_float=decimal.Decimal)
        marks = ", ".join("?" for _ in names)
        connection.execute(f"INSERT INTO {table['name']} VALUES ({marks})", [row.get(name) for name in names])


def number(text):
    """A number in a form in which equal ones are equal, without the last digits of floats."""
    value = decimal.Decimal(text)
    return "0" if abs(value) < decimal.Decimal("1e-6") else f"{value:.6e}"


def cell(value):
    """A value as text."""
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime.datetime):
        return moment(value.isoformat())
    if isinstance(value, datetime.date):
        return value.isoformat()
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return str(value)
    if isinstance(value, (int, float, decimal.Decimal)):
        return number(str(value))
    return str(value)


def moment(text):
    """A time without zeros behind its fraction."""
    return text.rstrip("0").rstrip(".") if "." in text else text


def ours(text):
    """A value that we have shown, as [`cell`] would."""
    if re.fullmatch(r"-?\d+(\.\d+)?(e-?\d+)?", text):
        return number(text)
    return moment(text) if re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+", text) else text


def rows_of_ours(rows):
    """Rows that we have shown. A text that looks like a number is one to both sides."""
    return collections.Counter(" | ".join(ours(part) for part in row.split(" | ")) for row in rows)


def compared(path, outcome):
    """Compares all answers of a file; returns how it differs."""
    asked = json.loads(path.read_text())
    connection = duckdb.connect()
    for setting in ["default_null_order = 'nulls_first_on_asc_last_on_desc'", "integer_division = true", "TimeZone = 'UTC'"]:
        connection.execute(f"SET {setting}")
    connection.execute("CREATE MACRO char_length(x) AS length(x)")
    for table in asked["tables"]:
        loaded(connection, table)
    differences = []
    views = {}
    for statement in asked["statements"]:
        sql = statement["sql"]
        used = sql + "".join(text for name, text in views.items() if name in sql)
        if "view" in statement:
            views[statement["view"]] = used
        if any(word in used for word in OTHERWISE) or BY_TIME.search(used):
            outcome["otherwise"] += 1
            continue
        try:
            if "view" in statement:
                connection.execute(f"CREATE VIEW {statement['view']} AS {translated(sql)}")
                continue
            answer = connection.execute(translated(sql)).fetchall()
        except duckdb.Error as error:
            outcome["refused"] += 1
            outcome["refused: " + str(error).split("\n")[0][:60]] += 1
            continue
        theirs = collections.Counter(" | ".join(ours(cell(value)) for value in row) for row in answer)
        mine = rows_of_ours(asked["answers"].get(statement["answer"], []))
        outcome["compared"] += 1
        if not mine and len(answer) == 1 and ("GROUP BY" not in sql or "ROLLUP" in sql or "CUBE" in sql or "SETS" in sql):
            continue  # a stream shows no total of nothing
        if mine != theirs:
            differences.append((sql, mine - theirs, theirs - mine))
    return asked["seed"], differences


def main():
    """Compares all files of the folder."""
    outcome, failed = collections.Counter(), 0
    for path in sorted(pathlib.Path(sys.argv[1]).glob("*.json")):
        try:
            seed, differences = compared(path, outcome)
        except duckdb.Error as error:
            outcome["not loaded: " + str(error).split("\n")[0][:60]] += 1
            continue
        for sql, mine, theirs in differences:
            failed += 1
            print(f"seed {seed}: {sql}\n  ours alone: {dict(mine)}\n  DuckDB's alone: {dict(theirs)}")
    print(f"{dict(outcome)}, {failed} differ")
    return 1 if failed or not outcome["compared"] else 0


if __name__ == "__main__":
    sys.exit(main())
