#!/bin/sh
# A stand-in for conda, which cannot be installed offline: /opt/conda with one environment, `sage`, that runs the
# programs of SAGE_ENVIRONMENT. `conda activate NAME` sets what conda sets; nothing else of conda is there.
set -eu
: "${SAGE_ENVIRONMENT:?directory of the Python environment with Ray}"

prefix=/opt/conda
home="$prefix/envs/sage"
install -d -m 755 "$prefix/etc/profile.d" "$home/bin" "$home/conda-meta"
: >"$home/conda-meta/history"

for program in ray python python3; do
    cat >"$home/bin/$program" <<END
#!/bin/sh
exec "$SAGE_ENVIRONMENT/bin/$program" "\$@"
END
    chmod 755 "$home/bin/$program"
done

cat >"$prefix/etc/profile.d/conda.sh" <<'END'
conda() {
    if [ "${1:-}" != activate ] || [ ! -d "/opt/conda/envs/${2:-}/conda-meta" ]; then
        echo "conda (stand-in): can only activate an environment below /opt/conda/envs" >&2
        return 1
    fi
    export CONDA_DEFAULT_ENV="$2" CONDA_PREFIX="/opt/conda/envs/$2" CONDA_SHLVL=1
    export PATH="$CONDA_PREFIX/bin:$PATH"
}
END

# Did it take?
/bin/sh -c '. /opt/conda/etc/profile.d/conda.sh && conda activate sage && test "$(command -v ray)" = /opt/conda/envs/sage/bin/ray'
