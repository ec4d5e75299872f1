// The floor sync: waiting for each other.
#pragma once

#include <eddy/sync/barrier.hpp>            // Barrier
#include <eddy/sync/broadcast_channel.hpp>  // BroadcastSender, BroadcastReceiver
#include <eddy/sync/cancellation.hpp>       // CancellationSource, CancellationToken
#include <eddy/sync/capacity_limiter.hpp>   // CapacityLimiter
#include <eddy/sync/channel.hpp>            // Channel, Sender, Receiver
#include <eddy/sync/condition.hpp>          // Condition
#include <eddy/sync/event.hpp>              // Event
#include <eddy/sync/future.hpp>             // Future, FutureSetter
#include <eddy/sync/lock.hpp>               // Lock
#include <eddy/sync/queue.hpp>              // Queue, PriorityQueue, LifoQueue
#include <eddy/sync/rw_lock.hpp>            // RwLock
#include <eddy/sync/semaphore.hpp>          // Semaphore, BoundedSemaphore
#include <eddy/sync/signals.hpp>            // Signals, signal
#include <eddy/sync/watch_channel.hpp>      // WatchSender, WatchReceiver
