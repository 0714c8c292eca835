/** What the in-page driver gives. Compiled, never run. */
import { expectTypeOf } from 'vitest';
import type { Driver } from '../../ts/adapters/driver.ts';
import { type PageTarget, page } from '../../ts/adapters/page.ts';
import type { Session } from '../../ts/session/session.ts';

/** It is a driver as the others are. */
export async function driver(session: Session): Promise<void> {
  expectTypeOf(page()).toExtend<Driver<PageTarget>>();
  const { target, report } = await page().restore(session, { timeoutMs: 1_000 });
  expectTypeOf(target.tabId).toEqualTypeOf<string | null>();
  expectTypeOf(report.counts.cookies).toEqualTypeOf<number>();
}

/** It takes nothing: there is one document. */
export function refused(): void {
  // @ts-expect-error a window is not chosen
  page(window);
}
