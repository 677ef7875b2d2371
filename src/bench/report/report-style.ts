/** Style sheet of the report: dark on white, for a laptop, a phone and paper. */
export const reportStyle = `
:root { color-scheme: light; }
body { margin: 0 auto; padding: 1rem 1.25rem 3rem; max-width: 76rem; color: #1a1a1a; background: white;
  font: 16px/1.5 system-ui, "DejaVu Sans", Verdana, Helvetica, Arial, sans-serif; overflow-wrap: break-word; }
h1 { font-size: 1.6rem; line-height: 1.2; margin: .5rem 0 1rem; }
h2 { font-size: 1.2rem; margin: 2.25rem 0 .5rem; }
h3 { font-size: .92rem; margin: 0 0 .25rem; }
p { max-width: 48rem; margin: .4rem 0; }
.lead p { font-size: 1.05rem; }
.mark { font-size: .9rem; font-weight: 600; padding: .1rem .5rem; border: 1px solid #a34700; color: #8a3c00;
  border-radius: .3rem; vertical-align: middle; }
.notices { max-width: 48rem; padding-left: 1.2rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .15rem 1rem; margin: 1rem 0; font-size: .92rem; }
dt { color: #555; }
dd { margin: 0; min-width: 0; overflow-wrap: anywhere; }
.table { overflow-x: auto; margin: .75rem 0; border: 1px solid #ddd; border-radius: .3rem; }
table { border-collapse: collapse; font-size: .88rem; font-variant-numeric: tabular-nums; width: 100%; }
th, td { padding: .35rem .45rem; text-align: right; vertical-align: top; border-bottom: 1px solid #e6e6e6; }
td, tbody th { white-space: nowrap; }
th { color: #444; font-weight: 600; vertical-align: bottom; background: #f6f6f6; }
tbody th { font-weight: normal; color: inherit; background: white; }
tbody tr:nth-child(even) > * { background: #fafafa; }
tbody tr:last-child > * { border-bottom: 0; }
th:first-child { position: sticky; left: 0; }
.word { text-align: left; }
.strong { font-weight: 600; }
.refused { color: #8a3c00; }
.legend { display: flex; flex-wrap: wrap; gap: .2rem 1.2rem; list-style: none; margin: .5rem 0; padding: 0; font-size: .92rem; }
.panels { display: flex; flex-wrap: wrap; gap: 1rem 1.5rem; align-items: flex-start; }
.panel { max-width: 100%; }
.panel svg { display: block; max-width: 100%; height: auto; }
details { margin: 1.25rem 0; }
summary { cursor: pointer; font-weight: 600; }
code { font-size: .9em; overflow-wrap: anywhere; }
@media (max-width: 40rem) {
  body { padding: .75rem .9rem 2rem; }
  dl { grid-template-columns: 1fr; gap: 0; }
  dd { margin-bottom: .5rem; }
  th, td { padding: .3rem .45rem; }
}
@media print { .table { overflow: visible; } .figure { break-inside: avoid; } }
`;
