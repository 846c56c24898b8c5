// Stands in for the core's worker in pictures.
self.postMessage('ready');
