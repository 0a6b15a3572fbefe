"""A small contract that says much, for tests to spoil."""

from __future__ import annotations

GOOD = """\
apiVersion: v3.1.0
kind: DataContract
id: urn:test:meters
name: meters
version: 1.2.3
status: active
description: {purpose: 智能水表}
schema:
  - name: meters
    logicalType: object
    properties:
      - name: meter_id
        businessName: 水表编号
        logicalType: string
        primaryKey: true
        logicalTypeOptions: {pattern: '^[A-Z]{2}$', maxLength: 2}
        customProperties:
          - {property: source, value: 编号}
      - name: read_at
        logicalType: timestamp
        required: true
        customProperties:
          - {property: formats, value: ['%Y/%m/%d %H:%M']}
      - name: volume_m3
        logicalType: number
        physicalType: DECIMAL(12,3)
        customProperties:
          - {property: unit, value: m3}
      - name: state
        logicalType: string
        quality:
          - {type: library, metric: invalidValues, mustBe: 0, arguments: {validValues: [ok, broken]}}
customProperties:
  - {property: level, value: community}
  - {property: shareClass, value: conditional}
  - {property: source, value: {connector: files, endpoint: portal, options: {path: '{window}.csv'}}}
  - {property: format, value: {kind: csv, encoding: gb18030}}
  - {property: delivery, value: {per: file, partition: {by: window}}}
  - {property: versions, value: {rule: latest, by: read_at}}
  - {property: schedule, value: {cron: '0 2 * * *', start: 2024-02-28, end: 2024-03-01}}
"""
