/** A small reader of XML for the charts, which must open in any program that shows SVG. */

/** The name of the root element. Throws unless the text is well-formed: tags nested and closed, attributes quoted, `&` and `<` escaped. */
export function readXml(xml: string): string {
  const open: string[] = [];
  const roots: string[] = [];
  let at = 0;
  for (const match of xml.matchAll(/<(\/?)([\w:-]+)((?:\s+[\w:-]+="[^"<&]*(?:&\w+;[^"<&]*)*")*)\s*(\/?)>/g)) {
    checkText(xml.slice(at, match.index));
    at = match.index + match[0].length;
    const [, closes, name = '', , empty] = match;
    if (closes !== '') {
      if (open.pop() !== name) throw new Error(`</${name}> closes nothing`);
    } else {
      if (open.length === 0) roots.push(name);
      if (empty === '') open.push(name);
    }
  }
  checkText(xml.slice(at));
  if (open.length > 0 || roots.length !== 1) throw new Error(`${open.length} elements are open, ${roots.length} roots`);
  return roots[0]!;
}

function checkText(text: string): void {
  if (/<|>|&(?!(?:amp|lt|gt|quot);)/.test(text)) throw new Error(`not escaped: ${text}`);
}
