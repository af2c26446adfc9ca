# SPDX-License-Identifier: Apache-2.0
"""See hooking beside this package."""
from pkgutil import extend_path

__path__ = extend_path(__path__, __name__)
