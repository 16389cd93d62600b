#!/bin/sh
# The Python environment with Ray at SAGE_ENVIRONMENT. A box of provision/box brings it; elsewhere it is made from the
# wheels in /tmp/sage-wheels, without any network, by the pip among them.
set -eu
: "${SAGE_ENVIRONMENT:?directory of the Python environment with Ray}"

if ! "$SAGE_ENVIRONMENT/bin/python" -c 'import ray' 2>/dev/null; then
    wheels=/tmp/sage-wheels
    pip="$(find "$wheels" -name 'pip-*.whl' 2>/dev/null | head -n 1)"
    test -n "$pip" || { echo "no Ray in $SAGE_ENVIRONMENT, and no pip-*.whl in $wheels: set SAGE_WHEELS" >&2; exit 1; }
    python3 -m venv --without-pip "$SAGE_ENVIRONMENT"
    "$SAGE_ENVIRONMENT/bin/python" "$pip/pip" install --quiet --no-index --find-links "$wheels" ray
    rm -rf -- "$wheels"
fi

# Did it take?
"$SAGE_ENVIRONMENT/bin/python" -c 'import ray'
test -x "$SAGE_ENVIRONMENT/bin/ray"
