/**
 * Calls of page functions made in one step before their answers are asked for: what costs on a small origin is not what is read there but the way to it and back,
 * call for call.
 */
import { PspError } from '../errors.ts';
import type { PageAnswer, PageCall } from './page/script.ts';
import { readAnswer } from './page-answer.ts';
import type { PageWorld } from './page-world.ts';

/**
 * A world where `calls` are made already, the first of them before the others: who makes one of them gets that answer, once, a failure too. A call that did not
 * answer within half of `timeoutMs` is made again by itself, and so are all where the step fails, which then says why.
 */
export async function withCallsAhead(world: PageWorld, calls: readonly PageCall[], place: string, timeoutMs: number): Promise<PageWorld> {
  const ahead: { readonly call: PageCall; readonly answer: PageAnswer }[] = [];
  try {
    const answers = await world.call('answerAll', calls, Math.ceil(timeoutMs / 2));
    calls.forEach((call, index) => {
      const answer = answers[index] ?? null;
      if (answer !== null) ahead.push({ call, answer });
    });
  } catch (error) {
    if (!(error instanceof PspError)) throw error;
  }
  return {
    async call(name, ...args) {
      const index = ahead.findIndex(({ call }) => call[0] === name && JSON.stringify(call.slice(1)) === JSON.stringify(args));
      if (index === -1) return (await world.call(name, ...args)) as never;
      const [found] = ahead.splice(index, 1);
      return readAnswer(found!.answer, name, place) as never;
    },
  };
}
