/**
 * Loaded into the services that `npm start` runs. When it is killed, its channel to them closes: they then stop in good order, as on
 * a signal, instead of living on with nobody to stop them.
 */
process.on('disconnect', () => process.kill(process.pid, 'SIGTERM'))
process.channel?.unref() // the channel alone is no reason to live
