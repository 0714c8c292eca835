/**
 * Starting the compiled twin of a kernel: at most once per thread, at the first need, in whichever form the engine supports; and falling back to the portable
 * one where it does not start. What select.ts and select-sequence.ts have in common; which kernel is in use is kept in `slot.ts`.
 */
import { PspError } from '../errors.ts';
import type { LinearModule } from './linear.ts';
import type { KernelChoice } from './slot.ts';
import { type CompiledModule, inlinedModule, isSupported, startModule } from './wasm.ts';

type CompiledKind = LinearModule<unknown>['kind'];

/** Starts the modules of one kernel, each at most once per thread: an instance is kept even while another kernel is pinned. */
export interface Starter<Kernel> {
  /** Throws `KERNEL_UNAVAILABLE`, with the platform's own error as cause, where it cannot start. */
  start(kind: CompiledKind): Kernel;
  /** The best that this engine supports. Throws as `start`. */
  startBest(): Kernel;
  /** From a module that the program gives. Throws what the platform throws. */
  adopt(module: CompiledModule): Kernel;
}

/** A starter over the modules that the package carries as Base64; `create` lays out calls in one. Starts nothing yet. */
export function makeStarter<Exports, Kernel>(
  inlined: Readonly<{ wasm: string } & Partial<Record<CompiledKind, string>>>,
  create: (module: LinearModule<Exports>) => Kernel,
): Starter<Kernel> {
  const started = new Map<CompiledKind, Kernel>();

  function startOnce(kind: CompiledKind, bytes: () => Uint8Array<ArrayBuffer>): Kernel {
    const running = started.get(kind);
    if (running !== undefined) return running;
    const kernel = create(startModule<Exports>(bytes()));
    started.set(kind, kernel);
    return kernel;
  }

  return {
    start: (kind) => orUnavailable(() => startOnce(kind, () => inlinedModule(inlined[kind] ?? inlined.wasm))),
    startBest: () =>
      orUnavailable(() => {
        const simd = inlined['wasm-simd'] === undefined ? null : inlinedModule(inlined['wasm-simd']);
        return simd !== null && isSupported(simd)
          ? startOnce('wasm-simd', () => simd)
          : startOnce('wasm', () => inlinedModule(inlined.wasm));
      }),
    adopt(module) {
      const linear = startModule<Exports>(module);
      const kernel = create(linear);
      started.set(linear.kind, kernel);
      return kernel;
    },
  };
}

/** The compiled kernel as users get it (`asUsed`), or the portable one with the cause where the compiled one cannot start. Never throws. */
export function chooseCompiled<Kernel>(
  starter: Starter<Kernel>,
  portable: Kernel,
  asUsed: (kernel: Kernel) => Kernel = (kernel) => kernel,
): KernelChoice<Kernel> {
  try {
    return { kernel: asUsed(starter.startBest()), reason: 'chosen' };
  } catch (cause) {
    return { kernel: portable, reason: 'fell-back', cause };
  }
}

/** The same function, which runs `offer` before each call. */
export function callAfter<Arguments extends unknown[], Result>(
  offer: () => void,
  call: (...input: Arguments) => Result,
): (...input: Arguments) => Result {
  return (...input) => {
    offer();
    return call(...input);
  };
}

function orUnavailable<Kernel>(start: () => Kernel): Kernel {
  try {
    return start();
  } catch (cause) {
    throw new PspError('KERNEL_UNAVAILABLE', 'the compiled kernel could not start here', { cause });
  }
}
