// Adds up the points of price and factors while they are typed. The server adds them up again; nothing is decided here.
const form = document.querySelector("[data-tr-terms]");

function hundredths(text) {
  const found = /^\s*(\d{1,4})(?:\.(\d{1,2}))?\s*$/.exec(text);
  return found ? Number(found[1]) * 100 + Number((found[2] ?? "").padEnd(2, "0")) : 0;
}

function add() {
  const sum = form.querySelector("[data-tr-sum]");
  const scored = ["comprehensive", "gp_scoring"].includes(form.elements.method.value);
  let all = 0;
  for (const input of form.querySelectorAll("[data-tr-points]")) {
    const row = input.closest(".tr-row-fields");
    const named = !row || row.querySelector("input[name$='-name']").value.trim();
    if (named) all += hundredths(input.value);
  }
  const right = all === 10_000;
  sum.textContent = `${all / 100} · ${right ? sum.dataset.right : sum.dataset.wrong}`;
  sum.className = right ? "sr-good" : "sr-bad";
  sum.hidden = !scored;
}

form?.addEventListener("input", add);
if (form) add();
