// The floor work: threads.
#pragma once

