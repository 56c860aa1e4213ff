// A table that is laid out as a list on a phone stays a table for screen readers.
for (const table of document.querySelectorAll("table.sr-table-stack")) {
  table.setAttribute("role", "table");
  table.querySelectorAll("thead, tbody").forEach((part) => part.setAttribute("role", "rowgroup"));
  table.querySelectorAll("tr").forEach((row) => row.setAttribute("role", "row"));
  table.querySelectorAll("td").forEach((cell) => cell.setAttribute("role", "cell"));
  table.querySelectorAll("th").forEach((head) => head.setAttribute("role", head.scope === "row" ? "rowheader" : "columnheader"));
}
