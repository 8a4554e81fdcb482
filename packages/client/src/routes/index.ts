// oxlint-disable oxc/no-barrel-file -- the door of the package: whoever bundles takes only what is called
export * from './accounts.js'
export * from './providers.js'
export * from './second-factors.js'
export type { Route, WithoutTokens } from './route.js'
