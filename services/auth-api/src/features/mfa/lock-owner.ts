/** For what other features do with the credentials of a user. */
export { lockOwner } from './queries.js'
