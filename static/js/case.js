// The relation graph: pointing at or focusing a node dims what does not touch it. The table beside it needs no script.
const svg = document.querySelector(".ca-graph svg");
if (svg) {
  const nodes = [...svg.querySelectorAll(".ca-node")];
  const ties = [...svg.querySelectorAll(".ca-tie")];
  const show = (key) => {
    const near = new Set([key]);
    for (const tie of ties) {
      const touches = tie.dataset.one === key || tie.dataset.other === key;
      if (touches) near.add(tie.dataset.one).add(tie.dataset.other);
      tie.classList.toggle("ca-dim", key !== null && !touches);
    }
    for (const node of nodes) node.classList.toggle("ca-dim", key !== null && !near.has(node.dataset.key));
  };
  for (const node of nodes) {
    node.addEventListener("pointerenter", () => show(node.dataset.key));
    node.addEventListener("pointerleave", () => show(null));
  }
}
