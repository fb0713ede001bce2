#!/bin/sh
# Moves Debian's Python to where the official image has it: interpreter, library, pip and packages in /usr/local and none in /usr, no byte
# code in the library, `python` beside `python3`. Its libraries of the system stay; python3-venv must be there, for its wheel of pip.
set -eu
version="$(python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])')"
library="/usr/local/lib/python$version"
cp "/usr/bin/python$version" /usr/local/bin/
ln -s "python$version" /usr/local/bin/python3
ln -s python3 /usr/local/bin/python
cp -RL "/usr/lib/python$version" /usr/local/lib/
rm -rf /usr/bin/python3* "/usr/lib/python$version" /usr/lib/python3 "$library/EXTERNALLY-MANAGED"
find "$library" -name __pycache__ -prune -exec rm -rf {} +
# Debian's Python looks for packages in folders of its own: pip is told otherwise by sysconfig; the interpreter, whose module `site` is
# compiled in, by a link.
mkdir "$library/site-packages"
rm -rf "$library/dist-packages"
ln -s site-packages "$library/dist-packages"
config="$library/sysconfig"
if [ -d "$config" ]; then config="$config/__init__.py"; else config="$config.py"; fi
sed -i "s/prefix_scheme = 'posix_local'/prefix_scheme = 'posix_prefix'/" "$config"
export PYTHONDONTWRITEBYTECODE=1
wheel="$(echo /usr/share/python-wheels/pip-*.whl)"
/usr/local/bin/python3 "$wheel/pip" install --no-index --find-links /usr/share/python-wheels --no-compile pip
/usr/local/bin/pip --version
