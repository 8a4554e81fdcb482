/** Stands for every type of event in a webhook's list. */
export const allEventTypes = '*'

/** Each sends what it hears of to a system of the operator's; more than a few are somebody's mistake. */
export const maxWebhooks = 20

/** How long a secret signs beside the one that has replaced it. */
export const previousSecretSeconds = 86_400

/** Where a webhook's secret is kept, so that the sealed one opens nowhere else. */
export const sealedWebhookPlace = (endpointId: string): string => `webhook/${endpointId}`
