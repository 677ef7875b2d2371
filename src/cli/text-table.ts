export { textTable } from '../metrics/text-table.js';
