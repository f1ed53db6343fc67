"""Compares results in other forms with results.csv, with readers that have nothing to do with the program that wrote them.

    same_rows.py FOLDER STEM INPUT_COLUMNS [parquet] [jsonl] [spreadsheet]

INPUT_COLUMNS is how many of the columns are the input's. Prints how many rows were compared in each form; exits with 1, and
says where, if a cell differs.
"""

import csv
import json
import sys
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq

csv.field_size_limit(1 << 30)

WHOLE = {"row", "attempts", "input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens"}
FLAGS = {"sufficient_information", "text_truncated"}
DANGEROUS = "=+-@\uff1d\uff0b\uff0d\uff20"


def fail(form, row, column, seen, expected):
    sys.exit(f"{form}, row {row}, column {column!r}: {seen!r:.200} where {expected!r:.200} is expected")


def plain_name(name):
    while name.startswith("annexa_"):
        name = name[len("annexa_"):]
    return name


def expected(name, cell, is_input):
    """A cell of results.csv as a typed value."""
    own = plain_name(name)
    if is_input:
        return cell
    if cell == "":
        return None
    if own in WHOLE:
        return int(cell)
    if own in FLAGS:
        return {"true": True, "false": False}[cell]
    if own == "cost_usd":
        return Decimal(cell)
    if own.endswith("_confidence"):
        return float(cell)
    return cell


def read_csv(path, encoding="utf-8"):
    with open(path, newline="", encoding=encoding) as file:
        rows = list(csv.reader(file))
    return rows[0], rows[1:]


def compare_parquet(path, header, rows, inputs):
    table = pq.read_table(path)
    if table.column_names != header:
        fail("parquet", 0, "names", table.column_names, header)
    if table.num_rows != len(rows):
        fail("parquet", 0, "rows", table.num_rows, len(rows))
    meta = pq.read_schema(path).metadata
    for key in (b"annexa.job_id", b"annexa.spec_sha256", b"annexa.version"):
        if not meta.get(key):
            fail("parquet", 0, key, meta, "said of the file")
    for at, name in enumerate(header):
        kind = table.schema.field(at).type
        own = plain_name(name)
        if at < inputs:
            wanted = pa.string()
        elif own == "attempts":
            wanted = pa.int32()
        elif own in WHOLE:
            wanted = pa.int64()
        elif own in FLAGS:
            wanted = pa.bool_()
        elif own == "cost_usd":
            wanted = pa.decimal128(18, 9)
        elif own.endswith("_confidence"):
            wanted = pa.float64()
        else:
            wanted = pa.string()
        if kind != wanted:
            fail("parquet", 0, name, kind, wanted)
        for number, (value, row) in enumerate(zip(table.column(at).to_pylist(), rows), 1):
            wanted = expected(name, row[at], at < inputs)
            if value != wanted:
                fail("parquet", number, name, value, wanted)


def compare_jsonl(path, header, rows, inputs):
    with open(path, encoding="utf-8", newline="\n") as file:
        objects = [json.loads(line) for line in file.read().split("\n")[:-1]]
    if len(objects) != len(rows):
        fail("jsonl", 0, "rows", len(objects), len(rows))
    for number, (found, row) in enumerate(zip(objects, rows), 1):
        if list(found) != header:
            fail("jsonl", number, "names", list(found), header)
        for at, name in enumerate(header):
            wanted = expected(name, row[at], at < inputs)
            own = plain_name(name)
            if at >= inputs and own == "review":
                wanted = row[at].split(";") if row[at] else []
            elif at >= inputs and own.endswith("_supporting") and wanted is not None:
                wanted = json.loads(wanted)
            elif at >= inputs and own == "cost_usd" and wanted is not None:
                wanted = row[at]
            if found[name] != wanted or isinstance(found[name], bool) != isinstance(wanted, bool):
                fail("jsonl", number, name, found[name], wanted)


def skipped(piece):
    return piece.lstrip().lstrip("".join(map(chr, range(32))) + "\"\u00a0\u200b\u2060\ufeff \x7f")


def compare_cell(number, name, marked, plain):
    """The marked cell is the plain one with apostrophes put in, or its beginning, and no part of it begins a formula."""
    at = 0
    body, _, tail = marked.rpartition(" [cut: ")
    is_cut = bool(body) and tail == f"{len(marked_free(plain))} characters in all]"
    shown = body if is_cut else marked
    for c in shown:
        if at < len(plain) and plain[at] == c:
            at += 1
        elif c != "'":
            fail("spreadsheet", number, name, marked, plain)
    if at != len(plain) and not is_cut:
        fail("spreadsheet", number, name, marked, plain)
    if len(marked.encode("utf-16-le")) // 2 > 32767:
        fail("spreadsheet", number, name, len(marked), "32767 at most")
    if marked[:1] == "-" and marked[1:].replace(".", "", 1).isdigit():
        return
    pieces = marked.replace("\t", ";").replace("\r", ";").replace("\n", ";").split(";")
    if marked[:1] in ("\t", "\r", "\n", "\0") or any(skipped(piece)[:1] in tuple(DANGEROUS) for piece in pieces):
        fail("spreadsheet", number, name, marked, "no formula")


def marked_free(plain):
    """The text whose length a cut cell says: the neutralised one, which has no marks in the cells of these tests that are cut."""
    return plain


def compare_spreadsheet(path, header, rows):
    with open(path, "rb") as file:
        start = file.read(3)
    if start != b"\xef\xbb\xbf":
        fail("spreadsheet", 0, "mark", start, "a byte order mark")
    names, copied = read_csv(path, "utf-8-sig")
    if len(copied) != len(rows):
        fail("spreadsheet", 0, "rows", len(copied), len(rows))
    for number, (found, row) in enumerate(zip([names, *copied], [header, *rows])):
        if len(found) != len(row):
            fail("spreadsheet", number, "cells", len(found), len(row))
        for name, marked, plain in zip(header, found, row):
            compare_cell(number, name, marked, plain)


def main():
    folder, stem, inputs, *forms = sys.argv[1:]
    inputs = int(inputs)
    header, rows = read_csv(f"{folder}/{stem}.csv")
    if not forms:
        sys.exit("nothing to compare: name a form")
    for form in forms:
        if form == "parquet":
            compare_parquet(f"{folder}/{stem}.parquet", header, rows, inputs)
        elif form == "jsonl":
            compare_jsonl(f"{folder}/{stem}.jsonl", header, rows, inputs)
        elif form == "spreadsheet":
            compare_spreadsheet(f"{folder}/{stem}.spreadsheet.csv", header, rows)
        else:
            sys.exit(f"'{form}' is no form")
        print(form, len(rows))


main()
