# SPDX-License-Identifier: Apache-2.0
"""hooking under the name that it has in VDSM."""
from hooking import (dump_vm_launch_flags_to_file, execCmd, exit_hook,
                     load_vm_launch_flags_from_file, log, read_domxml,
                     read_json, tobool, write_domxml, write_json)

__all__ = ["dump_vm_launch_flags_to_file", "execCmd", "exit_hook",
           "load_vm_launch_flags_from_file", "log", "read_domxml",
           "read_json", "tobool", "write_domxml", "write_json"]
