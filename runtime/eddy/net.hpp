// The floor net: peers.
#pragma once

#include <eddy/net/address.hpp>          // where a socket is
#include <eddy/net/datagram.hpp>         // what a socket of datagrams sends and receives
#include <eddy/net/datagram_socket.hpp>  // what those of UDP and UNIX share
#include <eddy/net/listener.hpp>         // listen, accept
#include <eddy/net/receive.hpp>          // what a stream reads
#include <eddy/net/receive_buffers.hpp>  // memory that the kernel takes when bytes come
#include <eddy/net/relay.hpp>            // from one stream to another
#include <eddy/net/relay_pipes.hpp>      // what the bytes go through
#include <eddy/net/relay_wait.hpp>       // which of two sockets ends a wait
#include <eddy/net/send.hpp>             // what a stream writes
#include <eddy/net/socket.hpp>           // options, addresses
#include <eddy/net/socket_state.hpp>     // what is behind a stream
#include <eddy/net/stream.hpp>           // bytes to and from a peer, connect
#include <eddy/net/udp_socket.hpp>       // datagrams over UDP
#include <eddy/net/unix_datagram.hpp>    // datagrams of this machine, and descriptors with them
