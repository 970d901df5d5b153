#!/bin/sh
# install.sh LOCK ENVIRONMENT CHECKOUT: what the image's build runs, and what deploy/checks runs too where there is no
# container engine. Needs python, and uv of requirements-build.lock.
set -eu
lock=$1 environment=$2 checkout=$3
python -m venv --without-pip "$environment"
uv_install() { uv pip install --quiet --python "$environment/bin/python" --link-mode copy "$@"; }
uv_install --require-hashes --only-binary :all: --compile-bytecode --requirements "$lock"
# The application itself, from the checkout where it stays; what builds it is needed only here.
uv_install --require-hashes --requirements "$(dirname "$0")/requirements-build.lock"
uv_install --offline --no-deps --no-build-isolation --editable "$checkout"
uv pip uninstall --quiet --python "$environment/bin/python" setuptools uv
python -m compileall -q -j 0 "$checkout/configs" "$checkout/expectations" "$checkout/flows" "$checkout/tasks"
# A tenth of the size, of use to nobody who runs it.
find "$environment/lib" -type d -name tests -path '*/site-packages/*' -prune -exec rm -r {} +
