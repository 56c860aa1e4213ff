// The error summary names its fields: the server has the sentence, the page has the label. 项目名称：请填写此项。
const LONGEST = 40;

function name(field) {
  const label = field.labels?.[0] ?? field.querySelector("legend");
  if (!label) return "";
  const copy = label.cloneNode(true);
  for (const extra of copy.querySelectorAll("small, input")) extra.remove();
  const text = copy.textContent.replace(/\s+/g, " ").trim();
  return text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text;
}

for (const link of document.querySelectorAll(".sr-error-summary a[href^='#field-']")) {
  const field = document.getElementById(decodeURIComponent(link.hash.slice(1)));
  const label = field ? name(field) : "";
  if (label) link.prepend(`${label}${document.documentElement.lang === "en" ? ": " : "："}`);
}
