// Rows of text as a table of a page.
import { html, type Html } from './html.js';

/** @param rows  the head first */
export function rowsTable([head = [], ...rows]: readonly (readonly string[])[]): Html {
  return html`<div class="table">
    <table>
      <tr>
        ${head.map((cell) => html`<th>${cell}</th>`)}
      </tr>
      ${rows.map(
        (cells) =>
          html`<tr>
            ${cells.map((cell) => html`<td>${cell}</td>`)}
          </tr> `,
      )}
    </table>
  </div> `;
}
