"""The file log in a process of its own.

``TLOG_TYPE=plugin TLOG_PLUGIN='python -m services.kv.examples.file_plugin kv.log' python -m services.kv``
"""

from __future__ import annotations

import sys
from pathlib import Path

from services.kv.file_log import FileLog
from services.kv.plugin_guest import serve_log
from stormlab.errors import BadInput


def main(path: Path) -> int:
    try:
        return serve_log(FileLog(path))
    except BadInput as error:
        print(error, file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
