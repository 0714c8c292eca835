/**
 * Measures contestants fairly: first proves that they give equal results, then times them in one process on the same data, in rounds
 * whose order alternates, so that a slow minute of the machine or a warm cache favours nobody. Time is taken by tinybench.
 * It does not print or write (report.ts does), does not know what is being measured, and needs nothing of Node: it runs in a page as well.
 */
import { Bench, type FnReturnedObject, now } from 'tinybench';

/** One way to do the work of a case. */
export interface Contestant {
  readonly name: string;
  /** Other people's work (the platform, another package): what ours is compared with. */
  readonly rival?: boolean;
  /** One run is so long that a quick look leaves it out unseen: it is not even asked to agree. */
  readonly slow?: boolean;
  /** Does the work once and gives its result. May give a promise; then waiting for it is part of the time. */
  run(): unknown;
  /** Takes one sample, in milliseconds, where time cannot be taken around `run`: what is measured happens in a process of its own, for instance. */
  sample?(): Promise<number>;
}

/** Where a case stands in a series of cases that are the same work at growing amounts: what its cost is drawn against. */
export interface Scale {
  /** What is done at each amount. */
  readonly series: string;
  /** What the amount counts. */
  readonly unit: string;
  readonly amount: number;
}

/** Figures of a subject that are no times: how long what the contestants write is, for instance. */
export interface FigureTable {
  readonly title: string;
  /** How many of the first columns are names; the others are figures. */
  readonly names: number;
  readonly header: readonly string[];
  readonly lines: readonly (readonly string[])[];
}

/** One amount or kind of work that every contestant does on the same data. */
export interface BenchCase {
  readonly name: string;
  readonly scale?: Scale;
  /** Size of the input, in bytes; null where a case has no size. */
  readonly inputBytes: number | null;
  readonly contestants: readonly Contestant[];
  /** Whether two contestants' results are equal. Asked for each contestant against the first, before any is timed. */
  agree(first: unknown, other: unknown): boolean;
}

/** What is measured: cases, and what their reader must know. */
export interface Subject {
  readonly name: string;
  /** One or two sentences for the reader of the results: what is done, what is unfair and to whom. */
  readonly note: string;
  /** Name of the contestant that the first ratio compares with. By default `portable`. */
  readonly baseline?: string;
  /** npm names of the rivals' packages. The report says which versions are installed. */
  readonly packages?: readonly string[];
  /** Asked for after the cases were run, which may have found the figures. */
  readonly tables?: readonly FigureTable[];
  readonly cases: readonly BenchCase[];
}

/** A subject without its work: what a report says of it, and what a page can hand over. */
export type SubjectFacts = Omit<Subject, 'cases'>;

/** What a `<name>.bench.ts` file exports. */
export interface SubjectModule {
  subject(): Subject | Promise<Subject>;
  /** Why the subject runs in Node only, as the end of a sentence; absent when it runs in every runtime, also in a page. */
  readonly needsNode?: string;
}

/** What was measured for one contestant in one case. Ratios say how many times faster it is: above 1 it wins, below 1 it loses. */
export interface BenchRow {
  readonly case: string;
  readonly scale?: Scale;
  readonly contestant: string;
  readonly rival: boolean;
  readonly inputBytes: number | null;
  readonly samples: number;
  readonly medianMs: number;
  readonly p25: number;
  readonly p75: number;
  /** Median of the baseline divided by this median; null when the case has no baseline. */
  readonly ratioToPortable: number | null;
  /** Median of the fastest rival divided by this median; null when the case has no rival. */
  readonly ratioToBestRival: number | null;
}

/** What a run of a subject gives. */
export interface Measured {
  readonly rows: readonly BenchRow[];
  /** The contestants that were too slow for the plan, in the order of the cases. Always empty with a plan that leaves nobody out. */
  readonly leftOut: readonly { readonly case: string; readonly contestant: string }[];
}

/** Gives the duration in milliseconds of each sample of a contestant, taken for about `budgetMs` and at least once. */
export type Measure = (contestant: Contestant, budgetMs: number) => Promise<readonly number[]>;

/** How long to measure. */
export interface BenchPlan {
  readonly rounds: number;
  /** Time of one contestant in one round, at most. */
  readonly slotMs: number;
  /** Time of the whole subject: slots shrink and rounds are left out to keep to it. Only a single run that is longer can break it. */
  readonly maxMs: number;
  /** Whether contestants that `maxMs` has no room for are left out: those marked `slow`, then the slowest until the rest fits. */
  readonly leavesOutSlow?: boolean;
}

/** For results that are committed. */
export const FULL_PLAN: BenchPlan = { rounds: 7, slotMs: 150, maxMs: 18 * 60_000 };

/** For a look: a subject takes less than 30 seconds. */
export const QUICK_PLAN: BenchPlan = { rounds: 3, slotMs: 100, maxMs: 25_000, leavesOutSlow: true };

/** Runs a subject. Throws before anything is timed when contestants disagree. */
export async function runSubject(subject: Subject, plan: BenchPlan, measure: Measure = measureContestant): Promise<Measured> {
  const startMs = now();
  const marked = plan.leavesOutSlow === true ? contestantsOf(subject).filter(({ slow }) => slow === true) : [];
  const entered = withoutContestants(subject.cases, marked);
  const trialMs = new Map<Contestant, number>();
  for (const benchCase of entered) await proveAgreement(subject.name, benchCase, trialMs);
  const tooSlow = plan.leavesOutSlow === true ? findTooSlow(trialMs, startMs + plan.maxMs - now()) : [];
  const cases = withoutContestants(entered, tooSlow);

  const rows: BenchRow[] = [];
  for (const [index, benchCase] of cases.entries()) {
    const shareMs = (startMs + plan.maxMs - now()) / (cases.length - index);
    const samples = await sampleCase(benchCase, plan, shareMs, measure);
    rows.push(...summarize(benchCase, samples, subject.baseline ?? 'portable'));
  }
  const leftOut = subject.cases.flatMap(({ name, contestants }) =>
    contestants.filter((one) => marked.includes(one) || tooSlow.includes(one)).map((one) => ({ case: name, contestant: one.name })),
  );
  return { rows, leftOut };
}

/**
 * Runs every contestant of a case once, and notes in `trialMs` how long that took. Throws, naming the two that disagree, unless all
 * results are equal.
 */
export async function proveAgreement(subject: string, benchCase: BenchCase, trialMs: Map<Contestant, number> = new Map()): Promise<void> {
  const run = async (contestant: Contestant): Promise<unknown> => {
    const startMs = now();
    const result = await contestant.run();
    trialMs.set(contestant, now() - startMs);
    return result;
  };
  const [first, ...others] = benchCase.contestants;
  if (first === undefined) throw new Error(`bench ${subject}, case "${benchCase.name}": there are no contestants`);
  const expected = await run(first);
  for (const other of others) {
    if (!benchCase.agree(expected, await run(other))) {
      throw new Error(`bench ${subject}, case "${benchCase.name}": "${other.name}" and "${first.name}" give different results`);
    }
  }
}

/** What one contestant costs at least, in runs: one to warm up, and two rounds. */
const LEAST_RUNS = 3;

/** The slowest contestants, as many as must go for the others to fit into the time. Never all of them. */
function findTooSlow(trialMs: ReadonlyMap<Contestant, number>, availableMs: number): Contestant[] {
  const slowestFirst = [...trialMs].sort(([, a], [, b]) => b - a);
  let neededMs = slowestFirst.reduce((sum, [, ms]) => sum + ms * LEAST_RUNS, 0);
  const tooSlow: Contestant[] = [];
  for (const [contestant, ms] of slowestFirst.slice(0, -1)) {
    if (neededMs <= availableMs) break;
    tooSlow.push(contestant);
    neededMs -= ms * LEAST_RUNS;
  }
  return tooSlow;
}

function contestantsOf(subject: Subject): Contestant[] {
  return subject.cases.flatMap(({ contestants }) => contestants);
}

/** The cases with those who stay; a case that nobody stays in goes too. */
function withoutContestants(cases: readonly BenchCase[], leftOut: readonly Contestant[]): BenchCase[] {
  return cases.flatMap((benchCase) => {
    const contestants = benchCase.contestants.filter((one) => !leftOut.includes(one));
    if (contestants.length === 0 && benchCase.contestants.length > 0) return [];
    const { name, scale, inputBytes } = benchCase;
    return [{ name, ...(scale && { scale }), inputBytes, contestants, agree: (first, other) => benchCase.agree(first, other) }];
  });
}

/** Rows of one case from the samples of its contestants, by name. */
export function summarize(benchCase: BenchCase, samples: ReadonlyMap<string, readonly number[]>, baseline: string): BenchRow[] {
  const sorted = new Map([...samples].map(([name, durations]) => [name, [...durations].sort((a, b) => a - b)]));
  const median = (name: string): number => quantile(sorted.get(name) ?? [], 0.5);
  const rivals = benchCase.contestants.filter(({ rival }) => rival === true).map(({ name }) => median(name));
  const bestRivalMs = rivals.length === 0 ? null : Math.min(...rivals);
  const baselineMs = sorted.has(baseline) ? median(baseline) : null;
  return benchCase.contestants.map(({ name, rival }) => {
    const durations = sorted.get(name) ?? [];
    const medianMs = quantile(durations, 0.5);
    return {
      case: benchCase.name,
      ...(benchCase.scale && { scale: benchCase.scale }),
      contestant: name,
      rival: rival === true,
      inputBytes: benchCase.inputBytes,
      samples: durations.length,
      medianMs,
      p25: quantile(durations, 0.25),
      p75: quantile(durations, 0.75),
      ratioToPortable: baselineMs === null ? null : baselineMs / medianMs,
      ratioToBestRival: bestRivalMs === null ? null : bestRivalMs / medianMs,
    };
  });
}

/** Whether two results are byte arrays with the same bytes; for `agree`. */
export function sameBytes(first: unknown, other: unknown): boolean {
  if (!(first instanceof Uint8Array) || !(other instanceof Uint8Array)) return false;
  if (first.length !== other.length) return false;
  // A loop, not `every`: the results may be as long as 64 MiB.
  for (let at = 0; at < first.length; at++) {
    if (first[at] !== other[at]) return false;
  }
  return true;
}

/** The samples of all rounds of a case, by contestant. One round before the first warms up, and its samples are thrown away. */
async function sampleCase(benchCase: BenchCase, plan: BenchPlan, shareMs: number, measure: Measure): Promise<Map<string, number[]>> {
  const deadlineMs = now() + shareMs;
  const slotMs = Math.max(1, Math.min(plan.slotMs, shareMs / ((plan.rounds + 1) * benchCase.contestants.length)));
  const samples = new Map<string, number[]>(benchCase.contestants.map(({ name }) => [name, []]));
  for (const contestant of benchCase.contestants) await measure(contestant, slotMs);
  for (let round = 0; round < plan.rounds; round++) {
    if (round > 0 && now() > deadlineMs) break;
    const order = round % 2 === 0 ? benchCase.contestants : [...benchCase.contestants].reverse();
    for (const contestant of order) {
      for (const durationMs of await measure(contestant, slotMs)) samples.get(contestant.name)?.push(durationMs);
    }
  }
  return samples;
}

/**
 * A sample shorter than this says more about the clock than about the work, so shorter work is repeated within one sample. How often is
 * found by doubling; two tries must both be long enough, lest one interruption by the system end the search too early.
 */
const MIN_SAMPLE_MS = 0.25;

/** The last result, kept so that no engine may leave the work out. */
let sink: unknown;

async function measureContestant(contestant: Contestant, budgetMs: number): Promise<readonly number[]> {
  if (contestant.sample === undefined) return measureWithTinybench(contestant.run, budgetMs);
  const endMs = now() + budgetMs;
  const durations: number[] = [];
  do durations.push(await contestant.sample());
  while (now() < endMs);
  return durations;
}

async function measureWithTinybench(run: () => unknown, budgetMs: number): Promise<readonly number[]> {
  const bench = new Bench({ time: budgetMs, iterations: 1, warmup: false, retainSamples: true, throws: true });
  const startMs = now();
  sink = run();
  const isAsync = sink instanceof Promise;
  await sink;
  const firstMs = now() - startMs;
  // Nothing is left of the budget for finding a number of repetitions, and work this long needs none.
  if (firstMs >= budgetMs && firstMs >= MIN_SAMPLE_MS) return [firstMs];
  bench.add('run', isAsync ? await repeatAsync(run) : repeatSync(run), { async: isAsync });
  const [task] = isAsync ? await bench.run() : bench.runSync();
  if (task?.result.state !== 'completed') throw new Error('bench: tinybench completed no sample');
  return task.result.latency.samples ?? [];
}

function repeatSync(run: () => unknown): () => FnReturnedObject {
  const time = (times: number): number => {
    const start = now();
    for (let i = 0; i < times; i++) sink = run();
    return now() - start;
  };
  let times = 1;
  while (Math.min(time(times), time(times)) < MIN_SAMPLE_MS) times *= 2;
  return () => meanOf(time(times), times);
}

async function repeatAsync(run: () => unknown): Promise<() => Promise<FnReturnedObject>> {
  const time = async (times: number): Promise<number> => {
    const start = now();
    for (let i = 0; i < times; i++) sink = await run();
    return now() - start;
  };
  let times = 1;
  while (Math.min(await time(times), await time(times)) < MIN_SAMPLE_MS) times *= 2;
  return async () => meanOf(await time(times), times);
}

/** One sample is the mean of its repetitions, but it uses up the budget by all of them. */
function meanOf(durationMs: number, times: number): FnReturnedObject {
  return { overriddenDuration: durationMs / times, overriddenIterationCost: durationMs };
}

/** The quantile of ascending values, interpolated between neighbours; NaN when there are none. */
function quantile(ascending: readonly number[], fraction: number): number {
  const place = (ascending.length - 1) * fraction;
  const below = ascending[Math.floor(place)] ?? Number.NaN;
  const above = ascending[Math.ceil(place)] ?? Number.NaN;
  return below + (above - below) * (place - Math.floor(place));
}
