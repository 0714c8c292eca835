/** Browsing contexts of WebDriver BiDi as they stand in each other: a page, and the frames in it. */
import type { ContextInfo } from './protocol.ts';

/** A browsing context with those around it, the outermost first. */
export interface PlacedContext {
  readonly info: ContextInfo;
  readonly around: readonly ContextInfo[];
}

/** A context and all below it, itself first. */
export function flatten(info: ContextInfo): PlacedContext[] {
  const walk = (at: ContextInfo, around: readonly ContextInfo[]): PlacedContext[] => [
    { info: at, around },
    ...(at.children ?? []).flatMap((child) => walk(child, [...around, at])),
  ];
  return walk(info, []);
}
