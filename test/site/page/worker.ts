/** Service workers of the hard site, and what its user allowed. */
import type { PageCell } from '../cell.ts';

const GROUP = 'service workers';

/** Two: a classic one with a script that it imports, and one that is a module; the second has navigation preload. */
export async function seedWorkers(): Promise<void> {
  const container = navigator.serviceWorker as ServiceWorkerContainer | undefined;
  if (container === undefined) return;
  const classic = await container.register('/worker.js', { scope: '/classic/', updateViaCache: 'all' });
  const module = await container.register('/worker.mjs', { scope: '/module/', type: 'module', updateViaCache: 'none' });
  await Promise.all([classic, module].map(activated));
  await module.navigationPreload?.enable();
  await module.navigationPreload?.setHeaderValue('own value');
}

async function activated({ active, waiting, installing }: ServiceWorkerRegistration): Promise<void> {
  const worker = (active ?? waiting ?? installing)!;
  while (worker.state !== 'activated') await new Promise((resolve) => worker.addEventListener('statechange', resolve, { once: true }));
}

/** Each registration, and the answer that it gives to a frame in its scope: the network's answer where there is no worker. */
export async function lookAtWorkers(): Promise<PageCell[]> {
  const cells: PageCell[] = [];
  for (const registration of (await navigator.serviceWorker?.getRegistrations()) ?? []) {
    const { scope, active, updateViaCache, navigationPreload } = registration;
    const { pathname } = new URL(scope);
    const own = { group: GROUP, kind: 'serviceWorker', within: [scope, pathname] } as const;
    const preload = await navigationPreload?.getState();
    cells.push({ ...own, name: pathname, seen: `${active?.scriptURL} ${active?.state} ${updateViaCache}` });
    if (preload?.enabled === true) cells.push({ ...own, name: `${pathname} preload`, seen: `${preload.headerValue}` });
    cells.push({ ...own, name: `${pathname} answer`, seen: await answerIn(`${pathname}question`) });
  }
  return cells;
}

/** What a frame at an address of ours shows. */
async function answerIn(url: string): Promise<string> {
  const frame = document.createElement('iframe');
  frame.src = url;
  await new Promise((resolve) => {
    frame.onload = resolve;
    document.body.append(frame);
  });
  const answer = frame.contentDocument?.body.textContent ?? '';
  frame.remove();
  return answer;
}

/** What the page may do. */
export async function lookAtPermissions(): Promise<PageCell[]> {
  const cells: PageCell[] = [];
  for (const name of ['geolocation', 'notifications', 'midi', 'persistent-storage'] as const) {
    const state = await navigator.permissions.query({ name: name as PermissionName }).then(
      (status) => status.state,
      () => null,
    );
    if (state !== null) cells.push({ group: 'permissions', kind: 'permission', name, seen: state, within: [name] });
  }
  return cells;
}
