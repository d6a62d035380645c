/* tools/interrupt.h - Ctrl-C and kill: not in the middle of a file. */
#ifndef TARE_TOOLS_INTERRUPT_H
#define TARE_TOOLS_INTERRUPT_H

#include <stdbool.h>

/** From here to interrupt_resume() the first SIGINT or SIGTERM only makes
 *  interrupt_came() true; a second one ends the process at once. */
void interrupt_defer(void);
bool interrupt_came(void);
/** As before; ends the process as the signal would have, if one came. */
void interrupt_resume(void);

#endif /* TARE_TOOLS_INTERRUPT_H */
