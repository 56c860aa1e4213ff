#!/bin/sh
# Fetch the vendored browser assets and fonts again. The results are committed, so only a change of version needs this.
# Needs Node with npm, and Python 3 with venv for cutting the fonts. Versions: package-lock.json; icons: scripts/icons.txt.
set -eu
cd "$(dirname "$0")/.."

FONTTOOLS="fonttools==4.68.0 brotli==1.2.1"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

npm ci --silent --no-audit --no-fund --ignore-scripts
modules=node_modules
vendor=static/vendor
mkdir -p "$vendor/icons" "$vendor/licenses" static/fonts/pdf tests/support/vendor

# Style sheets and scripts, as published; the pointers to source maps go, because we do not ship the maps.
take() { sed -e 's|/\*# sourceMappingURL=.*\*/||' -e 's|^//# sourceMappingURL=.*||' "$modules/$1" >"$2"; }
take bootstrap/dist/css/bootstrap.min.css "$vendor/bootstrap.min.css"
take echarts/dist/echarts.common.min.js "$vendor/echarts.common.min.js"
take echarts/dist/echarts.min.js "$vendor/echarts.min.js"
take socket.io-client/dist/socket.io.min.js "$vendor/socket.io.min.js"
take swagger-ui-dist/swagger-ui.css "$vendor/swagger-ui.css"
take swagger-ui-dist/swagger-ui-bundle.js "$vendor/swagger-ui-bundle.js"
take axe-core/axe.min.js tests/support/vendor/axe.min.js

# Icons: one line each, ready to stand inline in a page; the size comes from the style sheet.
rm -f "$vendor"/icons/*.svg
while read -r name; do
  python3 scripts/icon.py "$modules/@tabler/icons/icons/outline/$name.svg" >"$vendor/icons/$name.svg"
done <scripts/icons.txt
cp static/img/seal.svg "$vendor/icons/seal.svg"

# Screen fonts: the Latin subsets as published.
cp "$modules/@fontsource-variable/inter/files/inter-latin-wght-normal.woff2" static/fonts/
cp "$modules/@fontsource/ibm-plex-mono/files/ibm-plex-mono-latin-400-normal.woff2" static/fonts/
cp "$modules/@fontsource/ibm-plex-mono/files/ibm-plex-mono-latin-500-normal.woff2" static/fonts/

# Fonts for PDFs: GB 2312 and the signs a form needs, without layout tables, which the PDF writer does not read.
python3 -m venv "$scratch/venv"
# shellcheck disable=SC2086
"$scratch/venv/bin/pip" install -q --disable-pip-version-check $FONTTOOLS
"$scratch/venv/bin/python" - >"$scratch/characters.txt" <<'PY'
han = "".join(
    bytes((row, cell)).decode("gb2312", "ignore") for row in range(0xA1, 0xF8) for cell in range(0xA1, 0xFF)
)
latin = "".join(map(chr, [*range(0x20, 0x7F), *range(0xA0, 0x100)]))
print(han + latin + "–—‘’“”…‰′″※€№℃←↑→↓⇒≈≠≤≥√∞⁄□■▲△○●✓✗⸺〔〕【】㎡㎥㎏㎜㎝㎞﹣−·", end="")
PY
subset() {
  "$scratch/venv/bin/pyftsubset" "$modules/@expo-google-fonts/noto-sans-sc/$1" --output-file="static/fonts/pdf/$2" \
    --text-file="$scratch/characters.txt" --layout-features= --no-hinting --name-IDs='*' --notdef-outline
}
subset 400Regular/NotoSansSC_400Regular.ttf NotoSansSC-Regular.ttf
subset 700Bold/NotoSansSC_700Bold.ttf NotoSansSC-Bold.ttf

# Licences, word for word.
licence() { cp "$modules/$1" "$vendor/licenses/$2"; }
licence bootstrap/LICENSE bootstrap.txt
licence echarts/LICENSE echarts.txt
licence echarts/NOTICE echarts-NOTICE.txt
licence socket.io-client/LICENSE socket.io-client.txt
licence swagger-ui-dist/LICENSE swagger-ui.txt
licence swagger-ui-dist/NOTICE swagger-ui-NOTICE.txt
licence @tabler/icons/LICENSE tabler-icons.txt
licence @fontsource-variable/inter/LICENSE inter.txt
licence @fontsource/ibm-plex-mono/LICENSE ibm-plex-mono.txt
licence @expo-google-fonts/noto-sans-sc/LICENSE_FONT noto-sans-sc.txt
cp "$modules/axe-core/LICENSE" tests/support/vendor/axe-core.LICENSE.txt
echo "vendored: $(ls "$vendor/icons" | wc -l) icons, $(du -sh static | cut -f1) in static/"
