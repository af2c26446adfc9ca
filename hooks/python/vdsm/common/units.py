# SPDX-License-Identifier: Apache-2.0
"""Binary multiples of a byte."""
KiB = 1 << 10
MiB = 1 << 20
GiB = 1 << 30
TiB = 1 << 40
PiB = 1 << 50
