/** What all charts are made of: the frame of a plain SVG file, lines of text in it, and the inks. */

export const INK: string = '#1c2430';
export const FAINT: string = '#d5dae1';

/** The first lines of a file of this size, on white, with a title for who cannot see it. The closing tag is the caller's. */
export function openSvg(title: string, width: number, height: number): string[] {
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" ` +
      `font-family="system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif" font-size="12" fill="${INK}">`,
    `<title>${escapeXml(title)}</title>`,
    `<rect width="${width}" height="${height}" fill="#ffffff"/>`,
  ];
}

/** A line of text; `attributes` are written as they are. */
export function drawText(x: number | string, y: number | string, content: string, attributes: string = ''): string {
  return `<text x="${x}" y="${typeof y === 'number' ? round(y) : y}"${attributes === '' ? '' : ` ${attributes}`}>${escapeXml(content)}</text>`;
}

/** Text as it may stand in an element or between quotes. */
export function escapeXml(content: string): string {
  return content.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}

function round(coordinate: number): number {
  return Math.round(coordinate * 10) / 10;
}
