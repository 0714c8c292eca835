/** Text for a terminal: tables, sizes, times, and names that cannot steer the terminal. */

/** A name as it can be shown: control characters, bidirectional marks and lone surrogates escaped, at most `limit` characters. */
export function showName(name: string, limit = 60): string {
  const cut = name.length > limit ? `${name.slice(0, limit - 1)}…` : name;
  const escaped = cut.replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}]/gu, (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`);
  return escaped === '' ? '(no name)' : escaped;
}

/** 4096 -> `4.0 KiB`. */
export function showBytes(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  const kib = bytes / 1024;
  return kib < 1024 ? `${kib.toFixed(1)} KiB` : `${(kib / 1024).toFixed(1)} MiB`;
}

/** When something expires, and how far away that is. */
export function showExpiry(expiresAt: number | null, now: number): string {
  if (expiresAt === null) return 'with the browser';
  const date = new Date(expiresAt).toISOString().slice(0, 16).replace('T', ' ');
  return now >= expiresAt ? `${date} (expired)` : date;
}

/** Columns of equal width; the first row is the head. Widths count characters. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const row of rows) {
    row.forEach((cell, column) => {
      widths[column] = Math.max(widths[column] ?? 0, cell.length);
    });
  }
  const lines = rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
  const rule = widths.map((width) => '-'.repeat(width)).join('  ');
  return [lines[0] ?? '', rule, ...lines.slice(1)].join('\n');
}
