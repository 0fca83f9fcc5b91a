# MemNet: build, test, experiment. `make help` lists the targets.
#
# One file, no recursion. Each program is a list of sources and a list of
# libraries; objects go to $(BUILD), nothing is written beside the sources.
# Variables a user may set: CC, CFLAGS, BUILD, V=1 (show commands), WERROR=1,
# SANITIZE=address,undefined | thread, PLAN=, ACCEL=, KERNEL=, INITRD_EXTRA=.

BUILD   ?= build
CC      := $(if $(filter default,$(origin CC)),gcc,$(CC))
CFLAGS  ?= -O2 -g
PLAN    ?= harness/plans/paper.ini
ACCEL   ?= auto

MEMNET_CFLAGS := -std=gnu11 -Wall -Wextra -Wmissing-prototypes -Wstrict-prototypes \
                 -Wpointer-arith -Wno-unused-parameter -Wno-missing-field-initializers \
                 -D_GNU_SOURCE -I. -pthread $(if $(WERROR),-Werror) \
                 $(if $(SANITIZE),-fsanitize=$(SANITIZE) -fno-omit-frame-pointer)
MEMNET_LDFLAGS := -pthread $(if $(SANITIZE),-fsanitize=$(SANITIZE))

Q := $(if $(V),,@)
say = $(if $(V),,@printf '  %-7s %s\n' $(1) $(2))

.DEFAULT_GOAL := all
.SUFFIXES:
.DELETE_ON_ERROR:

# --- sources -----------------------------------------------------------------

base_src := \
	memnet-core/base/io.c \
	memnet-core/base/parse.c

# --- programs and tests: name, sources, libraries ----------------------------

TESTS :=
PROGRAMS :=

# $(call program,path under $(BUILD),sources,libraries)
define program
$(BUILD)/$(1): $(patsubst %.c,$(BUILD)/obj/%.o,$(2))
	$$(call say,LINK,$$@)
	$(Q)mkdir -p $$(@D)
	$(Q)$$(CC) $$(MEMNET_LDFLAGS) $$(LDFLAGS) -o $$@ $$^ $(3)
OBJECTS += $(patsubst %.c,$(BUILD)/obj/%.o,$(2))
endef

# $(call test,test source,sources under test,libraries)
define test
$(call program,$(1:.c=),$(1) $(2),$(3) -lcmocka)
TESTS += $(BUILD)/$(1:.c=)
endef

$(eval $(call test,memnet-core/base/test/test_parse.c,$(base_src)))

# --- energy ------------------------------------------------------------------

energy_src := \
	energy/energy.c \
	energy/energy_value.c \
	energy/energy_perf.c \
	energy/energy_powercap.c \
	energy/energy_model.c \
	energy/counters.c \
	energy/cputime.c \
	energy/sampler.c
energy_lib := -lpfm -lm
energy_fake := energy/test/fake_sysfs.c

$(eval $(call test,energy/test/test_powercap.c,$(energy_fake) $(energy_src) $(base_src),$(energy_lib)))
$(eval $(call test,energy/test/test_wrap.c,$(energy_fake) $(energy_src) $(base_src),$(energy_lib)))
$(eval $(call test,energy/test/test_perf_power.c,$(energy_fake) $(energy_src) $(base_src),$(energy_lib)))
$(eval $(call test,energy/test/test_choice.c,$(energy_fake) $(energy_src) $(base_src),$(energy_lib)))
$(eval $(call test,energy/test/test_model.c,$(energy_src) $(base_src),$(energy_lib)))
$(eval $(call test,energy/test/test_counters.c,$(energy_src) $(base_src),$(energy_lib)))
$(eval $(call test,energy/test/test_cputime.c,$(energy_fake) $(energy_src) $(base_src),$(energy_lib)))
$(eval $(call test,energy/test/test_sampler.c,$(energy_fake) $(energy_src) $(base_src),$(energy_lib)))

# --- rules -------------------------------------------------------------------

$(BUILD)/obj/%.o: %.c
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(MEMNET_CFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

-include $(patsubst %.o,%.d,$(sort $(OBJECTS)))

.PHONY: all test clean help
all: $(PROGRAMS)
clean:
	$(Q)rm -rf $(BUILD)
