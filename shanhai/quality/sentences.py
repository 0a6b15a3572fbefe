"""The English sentence of each kind of difference; the report has the same keys in each of its languages."""

from __future__ import annotations

from collections.abc import Mapping

FORMS: Mapping[str, str] = {
    "new_column": "the contract does not know the heading {headings}",
    "vanished_column": "the heading {allowed} of {columns} is gone",
    "renamed_column": "the heading of {columns} seems to be {given} now, not {allowed}: "
    "{rows} of {of_rows} values looked at fit",
    "renamed_column.by_name": "the heading of {columns} seems to be {given} now, not {allowed}: "
    "the names are alike",
    "renamed_column.case": "the heading of {columns} is written {given} now, not {allowed}",
    "retyped_column.decimal_comma": "{rows} of {of_rows} rows: {columns} is a number with a decimal comma, "
    "not {allowed}",
    "retyped_column.thousands": "{rows} of {of_rows} rows: {columns} has thousands set apart, not {allowed}",
    "retyped_column.unit": "{rows} of {of_rows} rows: {columns} is a number with the unit {given} behind it, "
    "not {allowed}",
    "retyped_column.hidden_unit": "{rows} of {of_rows} rows: {columns} is a number with a unit behind it, "
    "not {allowed}",
    "retyped_column.decimals": "{rows} of {of_rows} rows: {columns} is a number with decimals, not {allowed}",
    "retyped_column.full_width": "{rows} of {of_rows} rows: {columns} is written in full-width characters",
    "retyped_column.format": "{rows} of {of_rows} rows: {columns} is written as {given}, not {allowed}",
    "retyped_column.epoch_seconds": "{rows} of {of_rows} rows: {columns} is seconds since 1970, "
    "not {allowed}",
    "retyped_column.epoch_milliseconds": "{rows} of {of_rows} rows: {columns} is milliseconds since 1970, "
    "not {allowed}",
    "retyped_column.spreadsheet_days": "{rows} of {of_rows} rows: {columns} is days since 1899, "
    "not {allowed}",
    "retyped_column.spreadsheet_errors": "{rows} of {of_rows} rows: {columns} is the error of a spreadsheet, "
    "not {allowed}",
    "retyped_column.text": "{rows} of {of_rows} rows: {columns} is other text, not {allowed}",
    "retyped_column.range": "{rows} of {of_rows} rows: {columns} lies beyond its limits, "
    "as if in another unit (rule {allowed})",
    "retyped_column.form": "{rows} of {of_rows} rows: {columns} is not written as it was (rule {allowed})",
    "shifted_columns.right": "{rows} of {of_rows} rows looked at: from {columns} on, values stand one column "
    "too far right",
    "shifted_columns.left": "{rows} of {of_rows} rows looked at: from {columns} on, values stand one column "
    "too far left",
    "shifted_columns.cell_too_many": "{rows} of {of_rows} malformed rows looked at have one cell too many, "
    "at {columns} or before",
    "shifted_columns.cell_too_few": "{rows} of {of_rows} malformed rows looked at have one cell too few, "
    "at {columns} or before",
    "new_codes": "{rows} of {of_rows} rows: {columns} has codes that the contract does not list: {given}",
    "new_codes.many": "{rows} of {of_rows} rows: {columns} has codes that the contract does not list: "
    "{given} and more",
    "new_codes.text": "{rows} of {of_rows} rows: {columns} has free text where the contract lists codes",
    "new_codes.hidden": "{rows} of {of_rows} rows: {columns} has codes that the contract does not list; "
    "they are not shown",
    "new_missing": "{rows} of {of_rows} rows: {columns} has {given} where a value is missing",
    "encoding": "the bytes read as {given}; the contract says {allowed}",
    "delimiter": "cells are divided by [{given}]; the contract says [{allowed}]",
    "quote": "texts are quoted by [{given}]; the contract says [{allowed}]",
    "header_moved": "the headings stand in line {given}; by the contract it is line {allowed}",
    "header_moved.lost": "no line of headings was found",
    "records_moved": "the records lie at {given}; the contract says {allowed}",
    "sheet_renamed": "the table is on the sheet {given}; the contract says {allowed}",
    "another_format": "the body looks like {given}; the contract says {allowed}",
    "volume.none": "no rows; {allowed} are usual",
    "volume.fewer": "{given} rows, fewer than the usual {allowed}",
    "volume.more": "{given} rows, more than the usual {allowed}",
    "emptied_column": "{columns} has no value in any row; {allowed} of the rows had one before",
    "repeated_rows": "the rows are those of {given} once more",
    "repeated_rows.bytes": "the bytes are those of {given} once more",
    "repeated_rows.most": "{rows} of {of_rows} rows are those of {given} once more",
    "partition_again": "the partition has rows already, of {given}; those of both are kept",
    "partition_again.replaced": "the same pull brought {given} for the partition; rows of one alone stay",
}
"""By kind and reading; in braces what `Difference.facts` gives."""
