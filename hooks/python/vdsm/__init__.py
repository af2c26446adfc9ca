# SPDX-License-Identifier: Apache-2.0
"""The names under which scripts import hooking from VDSM. Where VDSM itself
is installed, its other modules are found as well."""
from pkgutil import extend_path

__path__ = extend_path(__path__, __name__)
