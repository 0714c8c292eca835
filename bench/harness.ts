/**
 * Measures contestants fairly: first proves that they give equal results, then times them in one process on the same data, in rounds
 * whose order alternates, so that a slow minute of the machine or a warm cache favours nobody. Time is taken by tinybench.
 * It does not print or write (report.ts does) and does not know what is being measured.
 */
import { Bench, type FnReturnedObject, now } from 'tinybench';

/** One way to do the work of a case. */
export interface Contestant {
  readonly name: string;
  /** Other people's work (the platform, another package): what ours is compared with. */
  readonly rival?: boolean;
  /** Does the work once and gives its result. May give a promise; then waiting for it is part of the time. */
  run(): unknown;
}

/** One amount or kind of work that every contestant does on the same data. */
export interface BenchCase {
  readonly name: string;
  /** Size of the input, in bytes; null where a case has no size. */
  readonly inputBytes: number | null;
  readonly contestants: readonly Contestant[];
  /** Whether two contestants' results are equal. Asked for each contestant against the first, before any is timed. */
  agree(first: unknown, other: unknown): boolean;
}

/** What a `<name>.bench.ts` file gives. */
export interface Subject {
  readonly name: string;
  /** One or two sentences for the reader of the results: what is done, what is unfair and to whom. */
  readonly note: string;
  /** Name of the contestant that the first ratio compares with. By default `portable`. */
  readonly baseline?: string;
  /** Versions of rival packages, by name. */
  readonly versions?: Readonly<Record<string, string>>;
  readonly cases: readonly BenchCase[];
}

/** What was measured for one contestant in one case. Ratios say how many times faster it is: above 1 it wins, below 1 it loses. */
export interface BenchRow {
  readonly case: string;
  readonly contestant: string;
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

/** Gives the duration in milliseconds of each sample of `run`, taken for about `budgetMs` and at least once. */
export type Measure = (run: () => unknown, budgetMs: number) => Promise<readonly number[]>;

/** How long to measure. */
export interface BenchPlan {
  readonly rounds: number;
  /** Time of one contestant in one round, at most. */
  readonly slotMs: number;
  /** Time of the whole subject: slots shrink and rounds are left out to keep to it. Only a single run that is longer can break it. */
  readonly maxMs: number;
}

/** For results that are committed. */
export const FULL_PLAN: BenchPlan = { rounds: 7, slotMs: 150, maxMs: 30 * 60_000 };

/** For a look: a subject takes less than 30 seconds. */
export const QUICK_PLAN: BenchPlan = { rounds: 3, slotMs: 100, maxMs: 25_000 };

/** Runs a subject. Throws before anything is timed when contestants disagree. */
export async function runSubject(subject: Subject, plan: BenchPlan, measure: Measure = measureWithTinybench): Promise<BenchRow[]> {
  const startMs = now();
  for (const benchCase of subject.cases) await proveAgreement(subject.name, benchCase);
  const rows: BenchRow[] = [];
  for (const [index, benchCase] of subject.cases.entries()) {
    const shareMs = (startMs + plan.maxMs - now()) / (subject.cases.length - index);
    const samples = await sampleCase(benchCase, plan, shareMs, measure);
    rows.push(...summarize(benchCase, samples, subject.baseline ?? 'portable'));
  }
  return rows;
}

/** Runs every contestant of a case once. Throws, naming the two that disagree, unless all results are equal. */
export async function proveAgreement(subject: string, benchCase: BenchCase): Promise<void> {
  const [first, ...others] = benchCase.contestants;
  if (first === undefined) throw new Error(`bench ${subject}, case "${benchCase.name}": there are no contestants`);
  const expected = await first.run();
  for (const other of others) {
    if (!benchCase.agree(expected, await other.run())) {
      throw new Error(`bench ${subject}, case "${benchCase.name}": "${other.name}" and "${first.name}" give different results`);
    }
  }
}

/** Rows of one case from the samples of its contestants, by name. */
export function summarize(benchCase: BenchCase, samples: ReadonlyMap<string, readonly number[]>, baseline: string): BenchRow[] {
  const sorted = new Map([...samples].map(([name, durations]) => [name, [...durations].sort((a, b) => a - b)]));
  const median = (name: string): number => quantile(sorted.get(name) ?? [], 0.5);
  const rivals = benchCase.contestants.filter(({ rival }) => rival === true).map(({ name }) => median(name));
  const bestRivalMs = rivals.length === 0 ? null : Math.min(...rivals);
  const baselineMs = sorted.has(baseline) ? median(baseline) : null;
  return benchCase.contestants.map(({ name }) => {
    const durations = sorted.get(name) ?? [];
    const medianMs = quantile(durations, 0.5);
    return {
      case: benchCase.name,
      contestant: name,
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
  return first.length === other.length && first.every((byte, at) => byte === other[at]);
}

/** The samples of all rounds of a case, by contestant. One round before the first warms up, and its samples are thrown away. */
async function sampleCase(benchCase: BenchCase, plan: BenchPlan, shareMs: number, measure: Measure): Promise<Map<string, number[]>> {
  const deadlineMs = now() + shareMs;
  const slotMs = Math.min(plan.slotMs, shareMs / ((plan.rounds + 1) * benchCase.contestants.length));
  const samples = new Map<string, number[]>(benchCase.contestants.map(({ name }) => [name, []]));
  for (const { run } of benchCase.contestants) await measure(run, slotMs);
  for (let round = 0; round < plan.rounds; round++) {
    if (round > 0 && now() > deadlineMs) break;
    const order = round % 2 === 0 ? benchCase.contestants : [...benchCase.contestants].reverse();
    for (const { name, run } of order) {
      for (const durationMs of await measure(run, slotMs)) samples.get(name)?.push(durationMs);
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

async function measureWithTinybench(run: () => unknown, budgetMs: number): Promise<readonly number[]> {
  const bench = new Bench({ time: budgetMs, iterations: 1, warmup: false, retainSamples: true, throws: true });
  sink = run();
  const isAsync = sink instanceof Promise;
  await sink;
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
