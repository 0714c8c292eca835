/** Programs of our pages, as a reader would copy them: blocks of JavaScript behind a comment `<!-- test: NAME -->`. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CHECKOUT, type PackedProject } from './packed.ts';

const STRICT = ['--strict', '--allowJs', '--checkJs', '--noEmit', '--module', 'nodenext', '--target', 'es2022', '--types', 'node'];

/** The one program of this name in `page`, a path in the checkout; an Error that says what the page lacks. */
export function readProgram(page: string, name: string): string {
  const pattern = new RegExp(`^<!-- test: ${name} -->\\n\`\`\`js\\n([\\s\\S]*?)^\`\`\`$`, 'gm');
  const [first, ...others] = [...readFileSync(join(CHECKOUT, page), 'utf8').matchAll(pattern)];
  if (first === undefined || others.length > 0) {
    throw new Error(`${page}: expected one block \`\`\`js right behind the line \`<!-- test: ${name} -->\``);
  }
  return first[1]!;
}

/** What a program says that it prints: the comments behind its `console.log(...)`, a line each. */
export function saidOutput(program: string): string {
  return [...program.matchAll(/console\.log\(.*\); \/\/ (.*)$/gm)].map(([, said]) => `${said}\n`).join('');
}

/** What the compiler says of programs in the folder of `packed`, which is nothing when all is well; rejects with its report otherwise. */
export function checkTypes(packed: PackedProject, ...files: readonly string[]): Promise<string> {
  return packed.run(process.execPath, [join(CHECKOUT, 'node_modules/typescript/bin/tsc'), ...STRICT, ...files]);
}
